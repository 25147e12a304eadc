package apidocs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/httpapi/apidocs"
)

func pageOf(t *testing.T, contract string) string {
	t.Helper()
	files, err := apidocs.New([]byte(contract))
	if err != nil {
		t.Fatal(err)
	}
	return string(files[""].Body)
}

func TestPageHasEveryOperationAndSchemaOfTheContract(t *testing.T) {
	contract := string(pathsync.OpenAPI)
	page := pageOf(t, contract)
	operations := regexp.MustCompile(`(?m)^ {6}operationId: (\w+)$`).FindAllStringSubmatch(contract, -1)
	if len(operations) < 15 {
		t.Fatalf("the contract has %d operations", len(operations))
	}
	for _, o := range operations {
		if !strings.Contains(page, `<article id="`+o[1]+`"`) {
			t.Errorf("the page has no operation %s", o[1])
		}
	}
	_, schemas, _ := strings.Cut(contract, "\n  schemas:\n")
	for _, s := range regexp.MustCompile(`(?m)^ {4}(\w+):$`).FindAllStringSubmatch(schemas, -1) {
		if !strings.Contains(page, `<article id="schema-`+s[1]+`"`) {
			t.Errorf("the page has no schema %s", s[1])
		}
	}
}

func TestEveryLinkLeadsToAPlaceOfThePage(t *testing.T) {
	page := pageOf(t, string(pathsync.OpenAPI))
	var ids []string
	for _, id := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if slices.Contains(ids, id[1]) {
			t.Errorf("two elements have the id %s", id[1])
		}
		ids = append(ids, id[1])
	}
	for _, link := range regexp.MustCompile(`(?:href="#|for="|popovertarget=")([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(ids, link[1]) {
			t.Errorf("nothing has the id %s", link[1])
		}
	}
}

const small = `
openapi: 3.1.0
info: {title: small, version: '1', description: "## Terms"}
tags: [{name: things, description: About things.}]
paths:
  /things/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string, maxLength: 9}, example: a<b}
    put:
      operationId: putThing
      tags: [things]
      summary: Put a thing
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 10, default: 5}, example: 7}
        - {name: room, in: query, required: true, schema: {type: array, items: {$ref: '#/components/schemas/Name'}}, example: [x, y]}
      requestBody:
        content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}, example: {b: 3.50, a: [true, null]}}}
      responses:
        '200': {description: Done., content: {application/json: {schema: {oneOf: [{$ref: '#/components/schemas/Name'}, {type: 'null'}]}}}}
        '404': {$ref: '#/components/responses/Missing'}
components:
  responses:
    Missing: {description: There is no such thing., content: {application/problem+json: {schema: {}, x-problem-codes: [gone]}}}
  schemas:
    Name: {type: string, enum: [x, y]}
    Thing:
      type: object
      required: [a]
      properties:
        a: {description: Other words., $ref: '#/components/schemas/Name'}
`

func TestOnlyRequiredParametersAreFilledIn(t *testing.T) {
	page := pageOf(t, small)
	for _, want := range []string{`name="id" data-in="path" required value="a&lt;b"`, `name="limit" data-in="query" placeholder="7"`, `required spellcheck="false">x
y</textarea>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for _, input := range regexp.MustCompile(`<input [^>]*value="`).FindAllString(pageOf(t, string(pathsync.OpenAPI)), -1) {
		if !strings.Contains(input, " required ") {
			t.Errorf("an optional parameter is filled in: %s", input)
		}
	}
}

func TestTypesAndExamplesAreShownAsTheContractHasThem(t *testing.T) {
	page := pageOf(t, small)
	for _, want := range []string{
		"<td>string, at most 9 characters</td>", "<td>integer, from 1, to 10, default 5</td>", `<td>array of <a href="#schema-Name">Name</a></td>`,
		`<a href="#schema-Name">Name</a> or null`, "<p>one of x, y</p>", "&#34;b&#34;: 3.50,", "<td><p>Other words.</p>", `<a href="#response-Missing">Not Found</a> <code>gone</code>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

func TestContractThatCannotBeReadIsAnError(t *testing.T) {
	for _, contract := range []string{"a: [", "", "paths: {/x: {get: {tags: [unknown]}}}"} {
		if _, err := apidocs.New([]byte(contract)); err == nil {
			t.Errorf("%q: no error", contract)
		}
	}
}
