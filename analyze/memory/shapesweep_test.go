package memory

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// curveOf generates one life of memory of a known form.
func curveOf(kind string, rng *rand.Rand, length, every time.Duration) (pts, load []Point) {
	const limit = 512e6
	from := record.TimeOf(time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC))
	n := int(length / every)
	drift, garbage := 0.0, 0.0
	phase := rng.Float64() * 2 * math.Pi
	gc := 0.03
	if kind == "gogc" {
		gc = 0.15
	}
	period := time.Duration(float64(20*time.Second) * math.Exp(2*rng.Float64()))
	for i := range n {
		age := time.Duration(i) * every
		x := float64(i) / float64(n)
		v := 0.35 * limit * (1 + 0.05*(1-math.Exp(-age.Minutes()/2)))
		rate := 10 * (1 + 0.5*math.Sin(2*math.Pi*age.Hours()/24+phase)) * (1 + 0.05*rng.NormFloat64())
		switch kind {
		case "diurnal":
			v += 0.10 * limit * rate / 10
		case "warmup":
			tau := length.Hours() / 20
			v += 0.25 * limit * (1 - math.Exp(-age.Hours()/tau))
		case "cache":
			tau := length.Hours() / 6
			v += 0.25 * limit * (1 - math.Exp(-age.Hours()/tau))
		case "ar1":
			phi := math.Exp(-every.Hours() / (length.Hours() / 40))
			drift = phi*drift + math.Sqrt(1-phi*phi)*0.02*limit*rng.NormFloat64()
			v += drift
		case "step":
			if x > 0.5 {
				v += 0.15 * limit
			}
		case "leak8":
			v += 0.08 * limit * x
		case "leak20":
			v += 0.20 * limit * x
		case "leak50":
			v += 0.50 * limit * x
		case "leak+diurnal":
			v += 0.20*limit*x + 0.05*limit*rate/10
		case "spike":
			if x > 0.6 && age < time.Duration(0.6*float64(length))+2*every {
				v += 0.3 * limit
			}
		}
		garbage = gc * limit * math.Mod(float64(age)/float64(period)+rng.Float64()*0.1, 1)
		at := from.Add(age)
		pts = append(pts, Point{at, v + garbage + 0.002*limit*math.Abs(rng.NormFloat64())})
		load = append(load, Point{at, rate})
	}
	return pts, load
}

// TestShapeSweep prints the share of generated lives called a leak (SHAPES=lives per cell).
func TestShapeSweep(t *testing.T) {
	k, _ := strconv.Atoi(os.Getenv("SHAPES"))
	if k == 0 {
		t.Skip("SHAPES=lives runs the whole sweep")
	}
	kinds := []string{"stable", "diurnal", "warmup", "cache", "ar1", "step", "gogc", "spike", "leak8", "leak20", "leak50", "leak+diurnal"}
	cells := []struct{ length, every time.Duration }{
		{45 * time.Minute, 10 * time.Second}, {90 * time.Minute, 60 * time.Second}, {6 * time.Hour, 10 * time.Second}, {6 * time.Hour, time.Minute}, {6 * time.Hour, 15 * time.Minute},
		{24 * time.Hour, time.Minute}, {24 * time.Hour, 15 * time.Minute}, {72 * time.Hour, time.Minute}, {72 * time.Hour, 15 * time.Minute},
	}
	for _, fleet := range []int{1, 4} {
		for _, withLoad := range []bool{false, true} {
			fmt.Printf("%d containers, load known %v\n%-22s", fleet, withLoad, "")
			for _, kind := range kinds {
				fmt.Printf("%13s", kind)
			}
			fmt.Println()
			for ci, c := range cells {
				fmt.Printf("%-22s", fmt.Sprint(c.length, "/", c.every))
				for _, kind := range kinds {
					leaks, shapes := 0, map[finding.Shape]int{}
					for r := range k {
						rng := rand.New(rand.NewPCG(uint64(r), uint64(ci)))
						o := Options{}
						if withLoad {
							o.Load = map[string][]Point{}
						}
						var lives []Life
						for f := range fleet {
							pts, load := curveOf(kind, rng, c.length, c.every)
							name := fmt.Sprintf("web-%d", f)
							lives = append(lives, Life{Container: name, Start: pts[0].T, LimitBytes: 512e6, Series: map[record.Metric][]Point{record.RSS: pts}})
							if withLoad {
								o.Load[name] = load
							}
						}
						for _, x := range Shapes(lives, o) {
							shapes[x.Shape]++
							if x.Shape == finding.ShapeLeak {
								leaks++
							}
						}
					}
					best, bn := finding.Shape(""), 0
					for s, n := range shapes {
						if n > bn || n == bn && s < best {
							best, bn = s, n
						}
					}
					fmt.Printf("%5.2f %-7.7s", float64(leaks)/float64(k*fleet), best)
				}
				fmt.Println()
			}
		}
	}
}
