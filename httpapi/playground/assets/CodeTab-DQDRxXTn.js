import{E as e,F as t,G as n,Q as r,T as i,a,c as o,h as s,l as c,o as l,r as u,vt as d}from"./room-name-uYkR_FNI.js";import{f,h as p}from"./index-Cn_dRiVB.js";/* empty css             */import{m,o as h,p as g,t as _,u as v}from"./room-DX6ElgH8.js";import{t as y}from"./project-Ccxtra8C.js";import{n as b}from"./chosen-P2bFVVIF.js";import{t as x}from"./copy-CCj2cXUg.js";var S={curl:`curl`,fetch:`fetch`,vue:`Vue`,go:`Go`,python:`Python`,csharp:`C#`},C=({origin:e,room:t},n=`/ops`)=>`${e}/v1/rooms/${encodeURIComponent(t)}${n}`,w=(e,{key:t},n)=>({clientId:n,key:t,ops:[e]}),T=e=>`'${e.replaceAll(`'`,`'\\''`)}'`,E=e=>JSON.stringify(e).replace(/[\u0085\u2028\u2029]/g,e=>`\\u${e.charCodeAt(0).toString(16).padStart(4,`0`)}`),D={curl(e,t){let n=t.withToken?` -H "Authorization: Bearer $TOKEN"`:``,r=JSON.stringify(w(e,t,`curl`));return`curl ${T(C(t))}${n} -H 'Content-Type: application/json' \\\n  -d ${T(r)}`},fetch(e,t){let n=t.withToken?", Authorization: `Bearer ${token}`":``;return`const response = await fetch(${E(C(t))}, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json'${n} },
  body: JSON.stringify(${k(JSON.stringify(w(e,t,`fetch`),null,2))})
})
const { serverSeq, results } = await response.json()`},vue(e,t){let n=t.withToken?`, token: () => token`:``;return`import { createClient } from 'pathsync'

const client = createClient({ url: ${E(t.origin)}${n} })
const room = client.room(${E(t.room)})
const state = shallowRef()
const ${A(t.key)} = room.document(${E(t.key)})
${A(t.key)}.subscribe((now) => (state.value = now))

await ${A(t.key)}.ready
${A(t.key)}.apply(${JSON.stringify(e,null,2)})`},go(e,t){let n=t.withToken?`
	req.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))`:``;return`package main

import (
	"fmt"
	"io"
	"net/http"${t.withToken?`
	"os"`:``}
	"strings"
)

func main() {
	body := ${E(JSON.stringify(w(e,t,`go`)))}
	req, err := http.NewRequest("POST", ${E(C(t))}, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")${n}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(answer), err)
}`},python(e,t){let n=t.withToken?`, "Authorization": "Bearer " + os.environ["TOKEN"]`:``;return`import json${t.withToken?`
import os`:``}
import urllib.request

body = ${E(JSON.stringify(w(e,t,`python`)))}
request = urllib.request.Request(
    ${E(C(t))},
    data=body.encode(),
    headers={"Content-Type": "application/json"${n}},
)
with urllib.request.urlopen(request) as response:
    print(json.load(response))`},csharp(e,t){return`using System.Text;

using var client = new HttpClient();${t.withToken?`
client.DefaultRequestHeaders.Authorization = new("Bearer", Environment.GetEnvironmentVariable("TOKEN"));`:``}
var body = ${E(JSON.stringify(w(e,t,`csharp`)))};
var content = new StringContent(body, Encoding.UTF8, "application/json");
var response = await client.PostAsync(${E(C(t))}, content);
Console.WriteLine(await response.Content.ReadAsStringAsync());`}};function O(e){let t=e.withToken?` -H "Authorization: Bearer $TOKEN"`:``;return[{what:`Listen to the room`,command:`curl -N ${T(C(e,`/events`))}${t}`},{what:`Read the whole room`,command:`curl ${T(C(e,``))}${t}`},{what:`Read its history`,command:`curl ${T(C(e,`/changes`))}${t}`}]}var k=e=>e.replaceAll(`
`,`
  `),A=e=>/^[a-z]\w*$/i.test(e)?e:`shared`,j={class:`stack`},M=[`value`],N={class:`choices`,"data-testid":`code-language`},P=[`value`,`checked`,`onChange`],F={class:`command`},I=[`aria-label`],L={class:`soft`},R=[`aria-label`],z=[`aria-label`,`onClick`],B=`pathsync:language`,V=`chosen`,H=s({__name:`CodeTab`,setup(s){let C=y(),{copied:w,canCopy:T,copy:E}=x(),k=a(()=>`tasks[${C.tasks[0]?._sync_id??`id`}]`),A=a(()=>({"Set the title":{op:`set`,path:`title`,value:`Hello`},"Add a task":{op:`array_add`,path:`tasks`,value:{title:`A task`,done:!1,subtasks:[]}},"Mark the first task as done":{op:`set`,path:`${k.value}.done`,value:!0},"Move the first task to the end":{op:`array_move`,path:k.value,arrayIndex:Math.max(0,C.tasks.length-1)},"Remove the first task":{op:`array_del`,path:k.value}})),H=n(b.value?V:`Set the title`),U=a(()=>(H.value===V?b.value:A.value[H.value])??A.value[`Set the title`]),W=g(`sessionStorage`,B),G=n(W&&W in S?W:`curl`);function K(e){G.value=e,m(`sessionStorage`,B,e)}let q=a(()=>({origin:location.origin,room:h.value,key:_,withToken:v.value!==``})),J=a(()=>D[G.value](U.value,q.value)),Y=a(()=>O(q.value));return(n,a)=>(i(),c(u,null,[l(`label`,j,[a[2]||=l(`span`,{class:`soft`},`Operation`,-1),t(l(`select`,{"onUpdate:modelValue":a[0]||=e=>H.value=e,class:`field`,"data-testid":`code-operation`},[r(b)?(i(),c(`option`,{key:0,value:V},`Chosen: `+d(r(f)(r(b))),1)):o(``,!0),(i(!0),c(u,null,e(A.value,(e,t)=>(i(),c(`option`,{key:t,value:t},d(t),9,M))),128))],512),[[p,H.value]])]),l(`fieldset`,N,[a[3]||=l(`legend`,{class:`hidden`},`Language`,-1),(i(!0),c(u,null,e(r(S),(e,t)=>(i(),c(`label`,{key:t},[l(`input`,{type:`radio`,name:`language`,value:t,checked:G.value===t,onChange:e=>K(t)},null,40,P),l(`span`,null,d(e),1)]))),128))]),l(`div`,F,[l(`pre`,{tabindex:`0`,"data-testid":`snippet`,"aria-label":`The operation in ${r(S)[G.value]}`},d(J.value),9,I),r(T)?(i(),c(`button`,{key:0,type:`button`,class:`quiet small`,onClick:a[1]||=e=>r(E)(J.value)},d(r(w)===J.value?`Copied`:`Copy`),1)):o(``,!0)]),a[4]||=l(`h2`,null,`Read with curl`,-1),(i(!0),c(u,null,e(Y.value,({what:e,command:t})=>(i(),c(`div`,{key:e,class:`command`},[l(`p`,L,d(e),1),l(`pre`,{tabindex:`0`,"aria-label":e},d(t),9,R),r(T)?(i(),c(`button`,{key:0,type:`button`,class:`quiet small`,"aria-label":`Copy: ${e}`,onClick:e=>r(E)(t)},d(r(w)===t?`Copied`:`Copy`),9,z)):o(``,!0)]))),128))],64))}});export{H as default};