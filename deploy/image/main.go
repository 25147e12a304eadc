// Command image writes a container image of the server for two platforms, without Docker, as a tar archive of an OCI image
// layout. `skopeo copy oci-archive:FILE docker://…` uploads it.
//
// The image has the binary, the certificates of public authorities, and the directory /data of the user 65532. Its
// configuration is that of ../Dockerfile.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const user = 65532

func main() {
	version := flag.String("version", "", "version of the server")
	amd64 := flag.String("amd64", "", "binary for linux/amd64")
	arm64 := flag.String("arm64", "", "binary for linux/arm64")
	certificates := flag.String("certificates", "/etc/ssl/certs/ca-certificates.crt", "PEM file of trusted authorities")
	output := flag.String("output", "", "archive to write")
	flag.Parse()

	if err := write(*output, *version, *certificates, map[string]string{"amd64": *amd64, "arm64": *arm64}); err != nil {
		log.Fatal(err)
	}
}

func write(output, version, certificates string, binaries map[string]string) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range []string{"amd64", "arm64"} {
		image, err := build(architecture, version, certificates, binaries[architecture])
		if err != nil {
			return fmt.Errorf("image for %s: %w", architecture, err)
		}
		platform := &v1.Platform{OS: "linux", Architecture: architecture}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	directory, err := os.MkdirTemp("", "pathsync-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	if _, err := layout.Write(directory, index); err != nil {
		return err
	}
	return archive(output, directory)
}

// build returns an image of one layer.
func build(architecture, version, certificates, binary string) (v1.Image, error) {
	content, err := layer(certificates, binary)
	if err != nil {
		return nil, err
	}
	single, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.AppendLayers(base, single)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, configuration(image, architecture, version))
}

func configuration(image v1.Image, architecture, version string) *v1.ConfigFile {
	file, err := image.ConfigFile()
	if err != nil {
		log.Fatal(err) // the image was built in memory
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", architecture
	file.Config = v1.Config{
		User:       fmt.Sprint(user),
		Entrypoint: []string{"/pathsync"},
		Env: []string{
			"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
			"PATHSYNC_LISTEN=:8080",
			"PATHSYNC_ADMIN_LISTEN=:9090",
			"PATHSYNC_DATABASE=sqlite:/data/pathsync.db",
			"PATHSYNC_LOG_FORMAT=json",
			"PATHSYNC_ACCESS_LOG=true",
		},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Volumes:      map[string]struct{}{"/data": {}},
		StopSignal:   "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title":    "pathsync",
			"org.opencontainers.image.version":  version,
			"org.opencontainers.image.licenses": "MIT",
			"org.opencontainers.image.source":   "https://github.com/pathsync/pathsync",
		},
	}
	return file
}

// layer returns the files of the image as a tar archive.
func layer(certificates, binary string) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, name := range []string{"etc/", "etc/ssl/", "etc/ssl/certs/"} {
		if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}); err != nil {
			return nil, err
		}
	}
	for _, directory := range []struct {
		name string
		mode int64
	}{{"data/", 0o700}, {"tmp/", 0o1777}} {
		header := tar.Header{Typeflag: tar.TypeDir, Name: directory.name, Mode: directory.mode, Uid: user, Gid: user}
		if err := writer.WriteHeader(&header); err != nil {
			return nil, err
		}
	}
	for _, file := range []struct {
		name, source string
		mode         int64
	}{{"etc/ssl/certs/ca-certificates.crt", certificates, 0o644}, {"pathsync", binary, 0o755}} {
		content, err := os.ReadFile(file.source)
		if err != nil {
			return nil, err
		}
		if err := writer.WriteHeader(&tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(content))}); err != nil {
			return nil, err
		}
		if _, err := writer.Write(content); err != nil {
			return nil, err
		}
	}
	return buffer.Bytes(), writer.Close()
}

// archive writes the files below directory into one tar archive.
func archive(output, directory string) error {
	file, err := os.Create(output)
	if err != nil {
		return err
	}
	defer file.Close()
	writer := tar.NewWriter(file)
	root := os.DirFS(directory)
	err = fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(directory, path))
		if err != nil {
			return err
		}
		if err := writer.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = writer.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return file.Close()
}
