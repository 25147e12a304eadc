// Package takeover turns what nuxt-synced-pinia-store, the predecessor, has stored into what pathsync stores: its
// documents and its names. It is pure; package sqlstore reads and writes the tables.
package takeover
