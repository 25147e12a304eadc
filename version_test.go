package pathsync

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"
)

func TestServerDescriptionAndPackageHaveOneVersion(t *testing.T) {
	match := regexp.MustCompile(`(?m)^  version: (.+)$`).FindSubmatch(OpenAPI)
	if match == nil || string(match[1]) != Version {
		t.Errorf("openapi.yaml has version %s, want %s", match, Version)
	}
	text, err := os.ReadFile("js-client/package.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Version string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Version != Version {
		t.Errorf("js-client/package.json has version %s, want %s", manifest.Version, Version)
	}
}
