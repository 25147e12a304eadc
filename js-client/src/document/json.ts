/** A JSON value that nobody changes: two versions of a document share what is the same in both. */
export type Json = null | boolean | number | string | JsonArray | JsonObject
export type JsonArray = readonly Json[]
export interface JsonObject {
  readonly [name: string]: Json
}
