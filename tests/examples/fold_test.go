package examples

import (
	"os/exec"
	"regexp"
	"testing"
)

func TestPythonFoldGivesTheDocumentsOfTheVectors(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	out, err := exec.CommandContext(t.Context(), python, "testdata/fold.py").CombinedOutput()
	if err != nil || !regexp.MustCompile(`^[1-9]\d* vectors\n$`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}
