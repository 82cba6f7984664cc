package report
import ("testing";"os";"time")
func TestTmp(t *testing.T){
  l,_ := time.LoadLocation("Europe/Paris")
  if err := Write(os.Stdout, fixtures()["burst"], Options{Format:Markdown,Version:"1.0",Location:l}); err!=nil {t.Fatal(err)}
}
