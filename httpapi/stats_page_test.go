package httpapi

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestMembersOfStatsAreInTheirDocumentation(t *testing.T) {
	page, err := os.ReadFile("../docs/run/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := json.Marshal(serverStats{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, member := range regexp.MustCompile(`"(\w+)":`).FindAllSubmatch(answer, -1) {
		names = append(names, string(member[1]))
	}
	if want := "`{" + strings.Join(names, ", ") + "}`"; !strings.Contains(string(page), want) {
		t.Errorf("docs/run/monitoring.md lacks %s", want)
	}
}
