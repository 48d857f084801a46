// Asks a server with grpc-js and prints what it said as JSON: ADDRESS MODEL DESCRIPTORS.
const fs = require("fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, model, descriptors] = process.argv.slice(2);
const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
const loaded = loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(descriptors), options);
const { serving } = grpc.loadPackageDefinition(loaded).tensorflow;
const credentials = grpc.credentials.createInsecure();
const prediction = new serving.PredictionService(address, credentials);
const models = new serving.ModelService(address, credentials);
const deadline = () => ({ deadline: Date.now() + 30000 });

function call(client, method, request) {
  return new Promise((resolve, reject) =>
    client[method](request, deadline(), (error, answer) => (error ? reject(error) : resolve(answer))));
}

function strings(values, shape) {
  const dim = shape.map((size) => ({ size }));
  return { dtype: "DT_STRING", tensor_shape: { dim }, string_val: values.map((value) => Buffer.from(value)) };
}

// protobufjs reads maps of a descriptor set as what they are on the wire: lists of key and value.
function request(name) {
  const inputs = [
    { key: "user_id", value: strings(["u"], [1]) },
    { key: "history", value: strings([""], [1, 1]) },
  ];
  return { model_spec: { name }, inputs };
}

(async () => {
  const status = await call(models, "GetModelStatus", { model_spec: { name: model } });
  const states = status.model_version_status.map((version) => version.state);
  const answer = await call(prediction, "Predict", request(model));
  const { value: ids } = answer.outputs.find((output) => output.key === "item_id");
  const items = ids.string_val.slice(0, 5).map((value) => value.toString());
  const code = await call(prediction, "Predict", request("no such model")).then(() => 0, (error) => error.code);
  const state = states.includes("AVAILABLE") ? "AVAILABLE" : states.join();
  console.log(JSON.stringify({ state, items, unknown_model: code }));
  prediction.close();
  models.close();
})().catch((error) => {
  console.error(`${error.code}: ${error.message}`);
  process.exit(1);
});
