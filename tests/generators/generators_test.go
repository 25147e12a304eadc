package generators

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestGeneratorsForTypeScript(t *testing.T) {
	t.Parallel()
	packages := filepath.Dir(installed(t, "npm/node_modules/.package-lock.json"))
	w := newWorkshop(t, "npm")
	if err := os.Symlink(packages, filepath.Join(w.dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	command := func(name string, args ...string) { w.run(t, nil, filepath.Join(packages, ".bin", name), args...) }
	command("openapi-ts", "-i", w.contract, "-o", "generated/hey-api")
	command("openapi-typescript", w.contract, "-o", "generated/openapi-typescript.d.ts")
	command("orval", "--input", w.contract, "--output", "generated/orval.ts")
	command("swagger-typescript-api", "generate", "-p", w.contract, "-o", "generated/swagger-typescript-api", "-n", "Api.ts")
	command("openapi-zod-client", w.contract, "-o", "generated/openapi-zod-client.ts")
	command("tsc", "-p", ".")

	programs := []string{"hey-api", "openapi-fetch", "orval", "swagger-typescript-api", "openapi-zod-client"}
	bundle := []string{"--bundle", "--platform=node", "--format=esm", "--outdir=bundled", "--out-extension:.js=.mjs", "--log-level=error",
		"--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)"}
	for _, name := range programs {
		bundle = append(bundle, name+".ts")
	}
	command("esbuild", bundle...)
	w.serve(t)
	for _, name := range programs {
		steps := allSteps
		if name == "openapi-zod-client" { // its client reads whole responses
			steps = slices.DeleteFunc(slices.Clone(allSteps), func(step string) bool { return step == "stream" })
		}
		w.use(t, name, steps, "node", filepath.Join("bundled", name+".mjs"))
	}
}

func TestGeneratorsForGo(t *testing.T) {
	t.Parallel()
	installed(t, "go/.modules")
	w := newWorkshop(t, "go")
	environment := []string{"GOWORK=off", "GOFLAGS="}
	w.run(t, environment, "go", "tool", "ogen", "--target", "ogen/api", "--package", "api", "--clean", w.contract)
	if err := os.Mkdir(filepath.Join(w.dir, "oapi-codegen", "api"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.run(t, environment, "go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "api",
		"-o", "oapi-codegen/api/api.go", w.contract)
	w.run(t, environment, "go", "build", "-o", "bin/", "./ogen", "./oapi-codegen")
	w.serve(t)
	for _, name := range []string{"ogen", "oapi-codegen"} {
		w.use(t, name, allSteps, filepath.Join(w.dir, "bin", name))
	}
}

func TestOpenAPIPythonClient(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(filepath.Dir(installed(t, "python/.venv/.requirements.txt")), "bin")
	w := newWorkshop(t, "python")
	path := "PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH") // of ruff, which formats the client
	w.run(t, []string{path}, filepath.Join(bin, "openapi-python-client"), "generate", "--path", w.contract, "--output-path", "client")
	w.serve(t)
	w.environment = append(w.environment, "PYTHONPATH=client")
	w.use(t, "openapi-python-client", allSteps, filepath.Join(bin, "python"), "openapi_python_client.py")
}

// Maven downloads openapi-generator and its plugins, so this test runs only in `make generators`.
func TestOpenAPIGeneratorForJavaPythonAndCSharp(t *testing.T) {
	t.Parallel()
	if os.Getenv("PATHSYNC_TEST_GENERATORS") != "all" {
		t.Skip("make generators runs this test")
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		t.Skip("a JDK of version 17 or newer and Maven are not installed")
	}
	w := newWorkshop(t, "java")
	w.run(t, nil, "mvn", "--quiet", "--batch-mode", "-Dcontract="+w.contract, "compile")
	if found, _ := filepath.Glob(filepath.Join(w.dir, "target/csharp/src/*/Model/StreamEvent.cs")); len(found) == 0 {
		t.Error("C#: no StreamEvent was generated")
	}
	w.serve(t)
	w.use(t, "java", allSteps, "mvn", "--quiet", "--batch-mode", "exec:java")

	bin := filepath.Join(filepath.Dir(installed(t, "python/.venv/.requirements.txt")), "bin")
	programs := newWorkshop(t, "python")
	programs.environment = slices.Concat(w.environment, []string{"PYTHONPATH=" + filepath.Join(w.dir, "target/python")})
	programs.use(t, "openapi-generator", allSteps, filepath.Join(bin, "python"), "openapi_generator.py")
}
