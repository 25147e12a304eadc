package pathsync

import "embed"

// Documents is the documentation, which the server offers at /guide: docs/README.md is its table of contents.
//
//go:embed docs/README.md docs/*/*.md docs/pictures/*.svg js-client/README.md js-client/playground/favicon.svg
var Documents embed.FS
