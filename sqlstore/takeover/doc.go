// Package takeover converts documents and names that nuxt-synced-pinia-store, the predecessor, has stored. It is pure; package
// sqlstore reads and writes the tables.
package takeover
