// Package guide renders the documentation, which is Markdown that reads well in a repository, as a site: pages with navigation
// and a search that works without script.
//
// The table of contents is docs/README.md. Its headings are the parts of the site, and its links are the pages.
package guide
