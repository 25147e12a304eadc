#!/bin/sh
# release.sh builds everything that a release uploads into the directory dist: an archive of the server for each platform,
# a container image for amd64 and arm64, the npm package, a software bill of materials for both, and SHA-256 checksums.
# `make release` runs it. It uploads nothing.
set -eu
export GOWORK=off # the module alone, as its users see it
cd "$(dirname "$0")/.."

version=$(sed -n 's/^const Version = "\(.*\)"$/\1/p' version.go)
dist=$PWD/dist
rm -rf "$dist"
mkdir "$dist"

for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do
  os=${platform%/*} arch=${platform#*/}
  name=pathsync_${version}_${os}_${arch}
  suffix=; [ "$os" != windows ] || suffix=.exe
  echo "building $name"
  mkdir "$dist/$name"
  CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -ldflags='-s -w' -o "$dist/$name/pathsync$suffix" ./cmd/pathsync
  cp LICENSE README.md CHANGELOG.md "$dist/$name/"
  if [ "$os" = windows ]; then
    (cd "$dist" && python3 -m zipfile -c "$name.zip" "$name")
  else
    tar -C "$dist" --sort=name --owner=0 --group=0 --numeric-owner -czf "$dist/$name.tar.gz" "$name"
  fi
done

echo 'building the container image'
go -C deploy/image run . -version "$version" \
  -amd64 "$dist/pathsync_${version}_linux_amd64/pathsync" -arm64 "$dist/pathsync_${version}_linux_arm64/pathsync" \
  -output "$dist/pathsync_${version}_image.tar"

echo 'building the npm package'
(cd js-client && npm pack --silent --pack-destination "$dist")

# The program takes the version from a tag. It cannot read a worktree of git, so it gets a clone.
echo 'writing the bills of materials'
git clone --quiet . "$dist/source"
git -C "$dist/source" tag --force "v$version" >/dev/null
go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0 app -json -licenses -main cmd/pathsync \
  -output "$dist/pathsync_${version}_sbom.json" "$dist/source"
(cd js-client && npm sbom --sbom-format cyclonedx --omit dev --omit peer) >"$dist/pathsync-js_${version}_sbom.json"

find "$dist" -mindepth 1 -type d -prune -exec rm -rf {} +
cd "$dist"
sha256sum -- * >checksums.txt
ls -l
