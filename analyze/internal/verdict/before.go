package verdict

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/naming"
	"lastcall/analyze/internal/stat"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

const (
	// beforeLeast deaths, at times of their own, must have a line before them, and beforeShare of all.
	beforeLeast = 3
	beforeShare = 0.75
	// beforeP is how probable it may be at most that a line stands before so many deaths by chance, over all lines and distances.
	beforeP = 0.001
	// beforeApart: deaths that are closer to one another are looked at once, as what is logged may have one reason.
	beforeApart = time.Minute
	// beforeLives: a life must have lasted so many times a distance to be looked at, as what every start logs stands before an end soon after.
	beforeLives = 3
	// beforeEnd: what is written this close before ends, or behind them, and hardly elsewhere is the end's own: less than beforeElse of the times.
	beforeEnd  = 2 * time.Second
	beforeElse = 0.1
	// beforeTold bounds the lines that are told.
	beforeTold = 3
)

// beforeWithin are the distances between a line and a death that are tried.
func beforeWithin() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}
}

// lineBefore is a line that stands before deaths, and seldom elsewhere.
type lineBefore struct {
	logged   string // the line, or the name of the job
	job      bool
	deaths   int // before so many
	of       int
	expected float64 // before so many by chance
	p        float64 // over all lines and distances that were tried
	from, to time.Duration
	said     map[int]intake.Saying // by death, the last one before it
}

// did says what a container did.
func (l *lineBefore) did(logged, begun string) string {
	if l.job {
		return begun + " the job “" + l.logged + "”"
	}
	return logged + " “" + l.logged + "”"
}

func (l *lineBefore) String() string {
	ago := seconds(l.from.Seconds())
	if far := seconds(l.to.Seconds()); far != ago {
		ago += " to " + far
	}
	before := fmt.Sprintf("%d of %d deaths", l.deaths, l.of)
	if l.deaths == l.of {
		before = fmt.Sprintf("each of %d deaths", l.of)
	}
	// What is quoted stands last: what looks like a secret in it is masked to its end.
	return fmt.Sprintf("before %s, %s earlier (%s expected by chance), the container had %s", before, ago, fewer(l.expected), l.did("logged", "begun"))
}

// fewer writes an expected number of deaths.
func fewer(n float64) string {
	if n < 0.05 {
		return "fewer than 0.1"
	}
	return fmt.Sprintf("%.1f", n)
}

// spoken is when the containers were alive whose log there is, and which of the deaths are theirs.
type spoken struct {
	containers map[string]int
	lives      [][]life.Span                   // by container
	alive      []time.Duration                 // sum of the lives of each
	ends       [][]record.Time                 // the deaths of each, in the order of time
	groups     [][]saidDeath                   // deaths that are looked at, those of one moment together
	died       map[int]bool                    // the containers of those
	asked      map[time.Duration][][]saidDeath // see longEnough
}

// sayings are when containers wrote a line, by container.
type sayings map[int][]intake.Saying

// saidDeath is a death of a container whose log there is.
type saidDeath struct {
	death, container int
	from, at         record.Time // of the life; from is 0 where it began before the evidence
}

// spokenOf finds the lives in which something was logged.
func (q *inquiry) spokenOf(deaths []int) *spoken {
	ch, s := q.traffic.Evidence.Chatter, &spoken{containers: map[string]int{}, died: map[int]bool{}, asked: map[time.Duration][][]saidDeath{}}
	spans := map[string]intake.Span{}
	for i, raw := range ch.Containers {
		if i < len(ch.Spans) && ch.Spans[i].First != 0 {
			name := q.speaker(raw)
			x := spans[name]
			x.Add(ch.Spans[i].First)
			x.Add(ch.Spans[i].Last)
			spans[name] = x
		}
	}
	from := map[int]record.Time{} // by death, when the life began
	for i := range q.traffic.Life.Lives {
		l := &q.traffic.Life.Lives[i]
		name := owner(l.Container)
		span, ok := spans[name]
		if !ok {
			continue
		}
		begin, end := max(l.Start, span.First, q.traffic.Window.From), min(l.End, max(span.Last, l.Start), q.traffic.Window.To)
		if l.Death >= 0 {
			end = min(q.endOf(l.Death), q.traffic.Window.To)
			from[l.Death] = l.Start // 0: before the evidence
		}
		if end <= begin {
			continue
		}
		c, ok := s.containers[name]
		if !ok {
			c = len(s.lives)
			s.containers[name] = c
			s.lives, s.ends, s.alive = append(s.lives, nil), append(s.ends, nil), append(s.alive, 0)
		}
		if l.Death >= 0 {
			s.ends[c] = append(s.ends[c], q.endOf(l.Death))
		}
		s.lives[c] = append(s.lives[c], life.Span{From: begin, To: end})
		s.alive[c] += end.Sub(begin)
	}
	for c := range s.lives {
		slices.Sort(s.ends[c])
		slices.SortFunc(s.lives[c], func(a, b life.Span) int { return cmp.Compare(a.To, b.To) })
	}
	var own []saidDeath
	for _, d := range deaths {
		name := owner(q.traffic.Life.Deaths[d].Container)
		c, ok := s.containers[name]
		at := q.endOf(d)
		if !ok || spans[name].First >= at {
			continue
		}
		begin := from[d]
		if i, _ := slices.BinarySearch(s.ends[c], at); i > 0 {
			begin = max(begin, s.ends[c][i-1]) // where nothing tells of starts
		}
		own = append(own, saidDeath{d, c, begin, at})
		s.died[c] = true
	}
	slices.SortFunc(own, func(a, b saidDeath) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.death, b.death)) })
	for _, d := range own {
		if n := len(s.groups); n > 0 && d.at.Sub(s.groups[n-1][0].at) < beforeApart {
			s.groups[n-1] = append(s.groups[n-1], d)
		} else {
			s.groups = append(s.groups, []saidDeath{d})
		}
	}
	return s
}

// owner is whose log a container's is: of a process in a log that names nobody, the machine's, or that of nobody.
func owner(container string) string {
	if host, ok := naming.IsProcess(container); ok {
		return host
	}
	return container
}

// endOf is the first sign of an end: what is logged later may be a part of it.
func (q *inquiry) endOf(death int) record.Time {
	return min(q.traffic.Deaths.At[death], q.traffic.Life.Deaths[death].First)
}

// speaker is the container that a log names so; where there is only one, who is not named is that one.
func (q *inquiry) speaker(raw string) string {
	if names := q.traffic.Containers.Names; raw == "" && len(names) == 2 {
		return names[1]
	}
	return q.traffic.Names.Of(raw)
}

// linesBefore finds what was logged before deaths and seldom elsewhere, the least probable first.
func (q *inquiry) linesBefore(deaths []int) []lineBefore {
	ch := q.traffic.Evidence.Chatter
	lines := ch.Lines()
	if len(deaths) < beforeLeast || len(lines) == 0 {
		return nil
	}
	s := q.spokenOf(deaths)
	if len(s.groups) < beforeLeast {
		return nil
	}
	of := make([]int, len(ch.Containers)) // container of the log -> of s
	for i, raw := range ch.Containers {
		c, ok := s.containers[q.speaker(raw)]
		if !ok {
			c = -1
		}
		of[i] = c
	}
	jobs := q.jobsSaid(s)
	tried := float64((len(lines) + len(jobs)) * len(beforeWithin()))
	var out []lineBefore
	for _, line := range lines {
		if len(line.Times) < beforeLeast || tellsOfStop(line.Text) {
			continue
		}
		said := sayings{}
		for _, x := range line.Times {
			if c := of[x.Container]; c >= 0 {
				said[c] = append(said[c], x)
			}
		}
		if l, ok := s.stands(said, tried); ok {
			l.logged = line.Text
			out = append(out, l)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		if l, ok := s.stands(jobs[name], tried); ok {
			l.logged, l.job = name, true
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b lineBefore) int { return cmp.Compare(a.p, b.p) })
	return out[:min(len(out), beforeTold)]
}

// jobsSaid is when each container began each job that logs tell of by name.
func (q *inquiry) jobsSaid(s *spoken) map[string]sayings {
	jobs := map[string]sayings{}
	for i := range q.traffic.Evidence.Jobs {
		j := &q.traffic.Evidence.Jobs[i]
		c, ok := s.containers[j.Container]
		if !ok {
			continue
		}
		if jobs[j.Name] == nil {
			jobs[j.Name] = sayings{}
		}
		jobs[j.Name][c] = append(jobs[j.Name][c], intake.Saying{Time: j.Start, Line: j.Pos.Line, Source: j.Pos.Source})
	}
	return jobs
}

// stands reports whether a line stands before deaths, and seldom elsewhere, at the distance at which that is the least probable by chance.
func (s *spoken) stands(said sayings, tried float64) (best lineBefore, ok bool) {
	n := 0
	for c := range said {
		slices.SortFunc(said[c], compareSayings)
		// A file may be given twice.
		said[c] = slices.CompactFunc(said[c], func(a, b intake.Saying) bool { return a.Time == b.Time })
		n += len(said[c])
	}
	if n < beforeLeast || n > intake.MaxSayings/2 {
		return best, false
	}
	for _, within := range beforeWithin() {
		if l := s.before(said, n, within); l != nil && (!ok || l.p < best.p) {
			best, ok = *l, true
		}
	}
	best.p *= tried
	return best, ok && best.p <= beforeP && (best.to >= beforeEnd || s.elsewhere(said) >= beforeElse*float64(n))
}

// elsewhere counts the sayings that are not at an end.
func (s *spoken) elsewhere(said sayings) (n float64) {
	for c := range said {
		ends := s.ends[c]
		for _, x := range said[c] {
			i := sort.Search(len(ends), func(i int) bool { return ends[i].Add(beforeApart) >= x.Time })
			if i == len(ends) || x.Time < ends[i].Add(-beforeEnd) {
				n++
			}
		}
	}
	return n
}

func compareSayings(a, b intake.Saying) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(intake.SourceName(a.Source), intake.SourceName(b.Source)), cmp.Compare(a.Line, b.Line))
}

// before counts the deaths that have a line before them within a distance; nil where there are too few. How many would by chance is taken from
// the share of all time that lies so close behind the line, or of the other containers at those deaths, whichever is more.
func (s *spoken) before(said sayings, times int, within time.Duration) *lineBefore {
	groups := s.longEnough(within)
	n := len(groups)
	if float64(times) < beforeShare*float64(n) {
		return nil
	}
	l := &lineBefore{said: map[int]intake.Saying{}, from: within}
	hits := 0
	for _, group := range groups {
		before := 0
		for _, d := range group {
			x, ok := lastSaid(said[d.container], d.at.Add(-within), d.at)
			if !ok {
				continue
			}
			before++
			ago := d.at.Sub(x.Time)
			l.from, l.to = min(l.from, ago), max(l.to, ago)
			l.said[d.death] = x
		}
		l.of += len(group)
		if 2*before > len(group) {
			hits++
		}
	}
	if hits < beforeLeast || float64(hits) < beforeShare*float64(n) {
		return nil
	}
	others := 0.0
	for _, group := range groups {
		others += s.shareOfOthers(said, group, within)
	}
	l.deaths = len(l.said)
	// Other services in the same log, which never write the line, tell nothing.
	covered, total := within, time.Duration(0)
	for c := range s.died {
		total += s.alive[c]
	}
	for c := range said {
		if !s.died[c] {
			total += s.alive[c]
		}
		for _, span := range s.lives[c] {
			covered += coveredBy(said[c], span, within)
		}
	}
	p := min(1, max(float64(covered)/float64(total), others/float64(n)))
	l.expected = p * float64(l.of)
	l.p = stat.BinomialTail(hits, n, p)
	return l
}

// longEnough are the deaths of lives that had lasted long enough for a distance.
func (s *spoken) longEnough(within time.Duration) [][]saidDeath {
	if groups, ok := s.asked[within]; ok {
		return groups
	}
	var groups [][]saidDeath
	for _, group := range s.groups {
		group = slices.DeleteFunc(slices.Clone(group), func(d saidDeath) bool { return d.at.Sub(d.from) < beforeLives*within })
		if len(group) > 0 {
			groups = append(groups, group)
		}
	}
	s.asked[within] = groups
	return groups
}

// lastSaid is the last saying in a stretch of time.
func lastSaid(said []intake.Saying, from, to record.Time) (intake.Saying, bool) {
	i := sort.Search(len(said), func(i int) bool { return said[i].Time > to })
	if i == 0 || said[i-1].Time < from {
		return intake.Saying{}, false
	}
	return said[i-1], true
}

// coveredBy is how much of a stretch of time lies within a distance behind a saying.
func coveredBy(said []intake.Saying, span life.Span, within time.Duration) (sum time.Duration) {
	upTo := span.From
	for i := sort.Search(len(said), func(i int) bool { return said[i].Time >= span.From }); i < len(said) && said[i].Time < span.To; i++ {
		from, to := max(said[i].Time, upTo), min(said[i].Time.Add(within), span.To)
		if to > from {
			sum += to.Sub(from)
			upTo = to
		}
	}
	return sum
}

// shareOfOthers is of how many containers that lived on as a group died, and that write the line at all, it was written as close before.
func (s *spoken) shareOfOthers(said sayings, group []saidDeath, within time.Duration) float64 {
	at := group[0].at
	alive, saying := 0, 0
	for c := range said {
		lives := s.lives[c]
		i := sort.Search(len(lives), func(i int) bool { return lives[i].To > at.Add(beforeApart) })
		if i == len(lives) || lives[i].From > at.Add(-within) || slices.ContainsFunc(group, func(d saidDeath) bool { return d.container == c }) {
			continue
		}
		alive++
		if _, ok := lastSaid(said[c], at.Add(-within), at); ok {
			saying++
		}
	}
	if alive == 0 {
		return 0
	}
	return float64(saying) / float64(alive)
}

// tellsOfStop reports whether a line tells that its process is being stopped, which a kill by a health check begins with.
func tellsOfStop(text string) bool {
	lower := bytes.ToLower([]byte(text))
	for _, w := range []string{"sigterm", "sigint", "shutting down", "shutdown", "graceful", "terminat"} {
		if bytes.Contains(lower, []byte(w)) {
			return true
		}
	}
	return false
}

// tellLines says what the containers had logged before they died, and seldom elsewhere.
func (q *inquiry) tellLines(c *candidate) {
	found := q.linesBefore(c.deaths)
	if len(found) == 0 {
		return
	}
	for i := range found {
		c.checks = append(c.checks, finding.Check{Rule: "lines.before", Outcome: finding.Neutral, Detail: found[i].String()})
	}
	if c.verdict.Cause != finding.Undetermined || c.verdict.Endpoint != nil {
		return
	}
	first := &found[0]
	if q.ledBy == "" {
		q.ledBy = strings.TrimSpace(first.did("the code that logs", ""))
	}
	c.verdict.Summary += " What they logged may lead to it: " + first.String() + "."
	for d, x := range first.said {
		e := observed(x.Time, finding.EventSaid, q.traffic.Life.Deaths[d].Container+" "+first.did("logs", "begins"), record.Pos{Source: x.Source, Line: x.Line}, q.traffic.Life.Deaths[d].Container)
		e.Crash = q.traffic.Life.Deaths[d].ID()
		q.said = append(q.said, e)
	}
}

func linesBeforeRule() finding.Rule {
	var within []string
	for _, d := range beforeWithin() {
		within = append(within, d.String())
	}
	return finding.Rule{ID: "lines.before", Title: "What was logged before the deaths", Question: "Did the containers log something before they died that they seldom log at other times?",
		Test: "Lines that are neither requests nor signs of an end, alike but for numbers, values and what stands in quotes. For each: before how many deaths its container had written it within a set time, against the share of all its time that lies so close behind it, or of the other containers at those deaths, whichever is more; by the binomial distribution.",
		Thresholds: []finding.Threshold{{Name: "deaths", Value: fmt.Sprintf("%d at least, and %.0f %% of all", beforeLeast, 100*beforeShare), Why: "fewer may be chance; those within a minute count once"},
			{Name: "life", Value: fmt.Sprintf("%d times that distance", beforeLives), Why: "what every start logs stands before an end soon after"},
			{Name: "within", Value: strings.Join(within, ", "), Why: "a job may work for a while before it kills"},
			{Name: "probability by chance", Value: fmt.Sprintf("less than %g over all lines and distances", beforeP), Why: "a log has hundreds of different lines"}},
		Source: "method of the project", Limits: fmt.Sprintf("It may be a cause or a first sign: nobody is accused by it. Lines that are written more than %d times are not looked at, nor those fetched from a service around deaths.", intake.MaxSayings/2)}
}
