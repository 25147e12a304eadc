"""Folds the applied operations of each vector with the example client, and prints the vectors whose document is another one."""
import json, sys

sys.dont_write_bytecode = True
sys.path.insert(0, "../../examples/python")
import client

with open("../vectors/operations.json") as file:
    vectors = json.load(file)
for vector in vectors:
    documents = client.Documents()
    if "before" in vector:
        documents["default"] = json.loads(vector["before"])
    for op, result in zip(vector["ops"], vector["results"]):
        if result["status"] == "applied":
            documents.apply("default", {**op, **result})
    got, want = json.dumps(documents.get("default")), json.dumps(json.loads(vector.get("after", "null")))
    if got != want:
        print(f"{vector['name']}: {got}, want {want}")
print(len(vectors), "vectors")
