// Package budget bounds the memory of requests and responses.
//
//   - Intake: bodies while they arrive, decoded bodies, and responses until they are sent. When the budget is exhausted, it
//     cuts off the request that has waited for its client for the longest time.
//   - Decoding: how many large bodies are decoded at the same time.
//   - Documents: old versions of documents that slow clients are being sent.
package budget
