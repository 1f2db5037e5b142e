package config
import ("testing";"strings";"time";"fmt")
func TestProf(t *testing.T){
 for name,s:=range map[string]string{"dupnull":strings.Repeat("a:\n",20000),"nullitems":"a:\n"+strings.Repeat("- \n",20000),"vals":func()string{b:="";var sb strings.Builder;for i:=range 20000{fmt.Fprintf(&sb,"k%d: 1\n",i)};return b+sb.String()}(),"nulls":func()string{var sb strings.Builder;for i:=range 20000{fmt.Fprintf(&sb,"k%d:\n",i)};return sb.String()}(), "flow":"a: ["+strings.Repeat("a, ",20000)+"]\n","flowmap":"a: ["+strings.Repeat("{a: b}, ",20000)+"]\n","items":"a:\n"+strings.Repeat("- a: 1\n",20000),"flowcolon":"a: {"+strings.Repeat("a: , ",20000)+"}\n","comments":"a: 1\n"+strings.Repeat("# c\n",20000),"flownull":"a: {"+strings.Repeat("a, ",20000)+"}\n","itemcomments":"a:\n"+strings.Repeat("- a: 1 # x\n",20000),"dups":strings.Repeat("a: 1\n",20000)} {
  st:=time.Now(); Parse("x",[]byte(s)); fmt.Println(name,len(s),time.Since(st))
 }
}
