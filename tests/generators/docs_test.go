package generators

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestDocsNameTheVersionsOfTheGenerators(t *testing.T) {
	page := read(t, "../../docs/build/generators.md")
	for name, pin := range map[string]struct{ file, version string }{
		"hey-api":                {"npm/package.json", `"@hey-api/openapi-ts": "(.*)"`},
		"openapi-typescript and": {"npm/package.json", `"openapi-typescript": "(.*)"`},
		"orval":                  {"npm/package.json", `"orval": "(.*)"`},
		"swagger-typescript-api": {"npm/package.json", `"swagger-typescript-api": "(.*)"`},
		"openapi-zod-client":     {"npm/package.json", `"openapi-zod-client": "(.*)"`},
		"ogen":                   {"go/go.mod", `ogen-go/ogen v(\S+)`},
		"oapi-codegen":           {"go/go.mod", `oapi-codegen/v2 v(\S+)`},
		"openapi-python-client":  {"python/requirements.txt", `openapi-python-client==(.*)`},
		"openapi-generator":      {"java/pom.xml", `(?s)openapi-generator-maven-plugin.*?<version>(.*?)<`},
	} {
		found := regexp.MustCompile(pin.version).FindStringSubmatch(read(t, pin.file))
		if found == nil {
			t.Errorf("%s has no version of %s", pin.file, name)
			continue
		}
		rows := 0
		for row := range strings.Lines(page) {
			if strings.Contains(row, "| ["+name) {
				rows++
				if !strings.Contains(row, "| "+found[1]) {
					t.Errorf("docs/build/generators.md does not have version %s of %s: %s", found[1], name, row)
				}
			}
		}
		if rows == 0 {
			t.Errorf("docs/build/generators.md does not have %s", name)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
