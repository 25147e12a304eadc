import{P as e,T as t,W as n,Z as r,_t as i,a,c as o,l as s,m as c,o as l,r as u,w as d}from"./room-name-Dk8XP-Rm.js";import{h as f,l as p,v as m}from"./index-DI0oK4-r.js";/* empty css             */import{_ as h,g,o as _,p as v,t as y}from"./room-BcDHBToL.js";import{t as b}from"./project-BTDxPjz6.js";import{n as x}from"./chosen-m608vcMY.js";import{t as S}from"./copy-Ddsf-kkn.js";var C={curl:`curl`,fetch:`fetch`,vue:`Vue`,go:`Go`,python:`Python`,csharp:`C#`},w=({origin:e,room:t},n=`/ops`)=>`${e}/v1/rooms/${encodeURIComponent(t)}${n}`,T=(e,{key:t},n)=>({clientId:n,key:t,ops:[e]}),E=e=>`'${e.replaceAll(`'`,`'\\''`)}'`,D=/[\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,O=(e,t)=>JSON.stringify(e,null,t).replace(D,e=>`\\u${e.charCodeAt(0).toString(16).padStart(4,`0`)}`),k=(e,t)=>O(e,t).replaceAll(`</`,`<\\/`),A=`YOUR TOKEN`,j={curl(e,t){let n=t.withToken?` -H "Authorization: Bearer $TOKEN"`:``;return`curl ${E(w(t))}${n} -H 'Content-Type: application/json' -d @- <<'END'\n${O(T(e,t,`curl`))}\nEND`},fetch(e,t){let n=t.withToken?`, Authorization: 'Bearer ${A}'`:``;return`const response = await fetch(${O(w(t))}, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json'${n} },
  body: JSON.stringify(${N(O(T(e,t,`fetch`),2))})
})
const { serverSeq, results } = await response.json()`},vue(e,t){let n=t.withToken?`, token: '${A}'`:``;return`<script setup>
import { createClient } from 'pathsync'
import { onScopeDispose, shallowRef } from 'vue'

const client = createClient({ url: ${k(t.origin)}${n} })
const shared = client.room(${k(t.room)}).document(${k(t.key)})
const state = shallowRef(shared.state)
shared.subscribe((now) => (state.value = now))
onScopeDispose(() => client.close())

shared.ready.then(() => shared.apply(${k(e,2)}))
<\/script>

<template>
  <pre>{{ state }}</pre>
</template>`},go(e,t){let n=t.withToken?`
	req.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))`:``;return`package main

import (
	"fmt"
	"io"
	"net/http"${t.withToken?`
	"os"`:``}
	"strings"
)

func main() {
	body := ${O(O(T(e,t,`go`)))}
	req, err := http.NewRequest("POST", ${O(w(t))}, strings.NewReader(body))
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

body = ${O(O(T(e,t,`python`)))}
request = urllib.request.Request(
    ${O(w(t))},
    data=body.encode(),
    headers={"Content-Type": "application/json"${n}},
)
with urllib.request.urlopen(request) as response:
    print(json.load(response))`},csharp(e,t){return`using System.Text;

using var client = new HttpClient();${t.withToken?`
client.DefaultRequestHeaders.Authorization = new("Bearer", Environment.GetEnvironmentVariable("TOKEN"));`:``}
var body = ${O(O(T(e,t,`csharp`)))};
var content = new StringContent(body, Encoding.UTF8, "application/json");
var response = await client.PostAsync(${O(w(t))}, content);
Console.WriteLine(await response.Content.ReadAsStringAsync());`}};function M(e){let t=e.withToken?` -H "Authorization: Bearer $TOKEN"`:``;return[{what:`Listen to the room`,command:`curl -N ${E(w(e,`/events`))}${t}`},{what:`Read the whole room`,command:`curl ${E(w(e,``))}${t}`},{what:`Read its history`,command:`curl ${E(w(e,`/changes`))}${t}`}]}var N=e=>e.replaceAll(`
`,`
  `),P={class:`stack`},F=[`value`],I={class:`choices`,"data-testid":`code-language`},L=[`value`,`checked`,`onChange`],R={class:`command`},z=[`aria-label`],B={key:0,class:`soft`},V={class:`soft`},H=[`aria-label`],U=[`aria-label`,`onClick`],W=5e4,G=`pathsync:language`,K=`chosen`,q=c({__name:`CodeTab`,setup(c){let w=b(),{copied:T,canCopy:E,copy:D}=S(),O=a(()=>p(`tasks`,w.tasks[0])??`tasks[id]`),k=a(()=>({"Set the title":{op:`set`,path:`title`,value:`Hello`},"Add a task":{op:`array_add`,path:`tasks`,value:{title:`A task`,done:!1,subtasks:[]}},"Mark the first task as done":{op:`set`,path:`${O.value}.done`,value:!0},"Move the first task to the end":{op:`array_move`,path:O.value,arrayIndex:Math.max(0,w.tasks.length-1)},"Remove the first task":{op:`array_del`,path:O.value}})),A=n(x.value?K:`Set the title`),N=a(()=>(A.value===K?x.value:k.value[A.value])??k.value[`Set the title`]),q=g(`sessionStorage`,G),J=n(q&&q in C?q:`curl`);function Y(e){J.value=e,h(`sessionStorage`,G,e)}let X=a(()=>({origin:location.origin,room:_.value,key:y,withToken:v.value!==``})),Z=a(()=>j[J.value](N.value,X.value)),Q=a(()=>E?Z.value.slice(0,W):Z.value),$=a(()=>M(X.value));return(n,a)=>(d(),s(u,null,[l(`label`,P,[a[2]||=l(`span`,{class:`soft`},`Operation`,-1),e(l(`select`,{"onUpdate:modelValue":a[0]||=e=>A.value=e,class:`field`,"data-testid":`code-operation`},[r(x)?(d(),s(`option`,{key:0,value:K},`Chosen: `+i(r(f)(r(x))),1)):o(``,!0),(d(!0),s(u,null,t(k.value,(e,t)=>(d(),s(`option`,{key:t,value:t},i(t),9,F))),128))],512),[[m,A.value]])]),l(`fieldset`,I,[a[3]||=l(`legend`,{class:`hidden`},`Language`,-1),(d(!0),s(u,null,t(r(C),(e,t)=>(d(),s(`label`,{key:t},[l(`input`,{type:`radio`,name:`language`,value:t,checked:J.value===t,onChange:e=>Y(t)},null,40,L),l(`span`,null,i(e),1)]))),128))]),l(`div`,R,[l(`pre`,{tabindex:`0`,"data-testid":`snippet`,"aria-label":`The operation in ${r(C)[J.value]}`},i(Q.value),9,z),r(E)?(d(),s(`button`,{key:0,type:`button`,class:`quiet small`,onClick:a[1]||=e=>r(D)(Z.value)},i(r(T)===Z.value?`Copied`:`Copy`),1)):o(``,!0)]),Q.value.length<Z.value.length?(d(),s(`p`,B,` The first `+i(Q.value.length.toLocaleString())+` of `+i(Z.value.length.toLocaleString())+` characters. Copy copies all of them. `,1)):o(``,!0),a[4]||=l(`h2`,null,`Read with curl`,-1),(d(!0),s(u,null,t($.value,({what:e,command:t})=>(d(),s(`div`,{key:e,class:`command`},[l(`p`,V,i(e),1),l(`pre`,{tabindex:`0`,"aria-label":e},i(t),9,H),r(E)?(d(),s(`button`,{key:0,type:`button`,class:`quiet small`,"aria-label":`Copy: ${e}`,onClick:e=>r(D)(t)},i(r(T)===t?`Copied`:`Copy`),9,U)):o(``,!0)]))),128))],64))}});export{q as default};