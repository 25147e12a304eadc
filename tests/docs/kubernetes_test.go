package docs

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pb33f/go-yaml"
)

// manifest is what the test compares in the example of docs/cluster.md. There is no Kubernetes to run it.
type manifest struct {
	Kind string
	Spec struct {
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Grace      int `yaml:"terminationGracePeriodSeconds"`
				Containers []struct {
					Args           []string
					ReadinessProbe probe `yaml:"readinessProbe"`
					LivenessProbe  probe `yaml:"livenessProbe"`
					Lifecycle      struct {
						PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
					}
				}
			}
		}
	}
}

type probe struct {
	HTTPGet struct {
		Path string
		Port string
	} `yaml:"httpGet"`
}

// shutdownSeconds is the longest time in which the server ends after SIGTERM.
const shutdownSeconds = 9

func TestKubernetesManifestIsConsistent(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/cluster.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("there is no manifest")
	}
	var m manifest
	if err := yaml.Unmarshal([]byte(block), &m); err != nil {
		t.Fatal(err)
	}
	pod := m.Spec.Template
	if m.Kind != "Deployment" || !maps.Equal(m.Spec.Selector.MatchLabels, pod.Metadata.Labels) || len(pod.Spec.Containers) != 1 {
		t.Fatalf("the selector does not match the pods: %+v", m)
	}
	c := pod.Spec.Containers[0]
	args := strings.Join(c.Args, " ")
	if c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.LivenessProbe.HTTPGet.Path != "/healthz" ||
		!strings.Contains(args, "--admin-listen :"+c.ReadinessProbe.HTTPGet.Port) || c.LivenessProbe.HTTPGet.Port != c.ReadinessProbe.HTTPGet.Port {
		t.Errorf("the probes do not reach the server: %+v", c)
	}
	if sleep := c.Lifecycle.PreStop.Sleep.Seconds; sleep < 1 || pod.Spec.Grace < sleep+shutdownSeconds {
		t.Errorf("the pod is killed after %d s: it sleeps for %d s and ends within %d s", pod.Spec.Grace, sleep, shutdownSeconds)
	}
}
