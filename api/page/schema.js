// Request models as the service describes them (OpenAPI), read for forms.

import { useEffect, useState } from "./vendor/preact-htm.js";

let document = null;

export const MODELS = { searches: "SearchRequest", retrainings: "RetrainingRequest", comparisons: "ComparisonRequest", registrations: "RegistrationRequest" };

// The model of a kind's request; null until it is read.
export function useModel(kind) {
  const [loaded, setLoaded] = useState(document);
  useEffect(() => {
    if (document) return;
    fetch("openapi.json").then((response) => response.json()).then((found) => { document = found; setLoaded(found); });
  }, []);
  return loaded && resolve(loaded.components.schemas[MODELS[kind]]);
}

// A schema without references, and without "or null".
export function resolve(schema) {
  if (schema.$ref) {
    const { $ref, ...own } = schema;
    return { ...resolve(document.components.schemas[$ref.split("/").pop()]), ...own };
  }
  const options = schema.anyOf?.filter((one) => one.type !== "null");
  if (options?.length === 1) {
    const { anyOf, ...own } = schema;
    return { ...resolve(options[0]), ...own, optional: true };
  }
  return schema;
}

// The fields of a model: [{name, schema, about, required}].
export function fields(model) {
  return Object.entries(model.properties ?? {}).map(([name, schema]) => ({
    name,
    schema: resolve(schema),
    about: (schema.description ?? "").replaceAll("`", ""),
    required: (model.required ?? []).includes(name),
  }));
}

// What may stand in a field, in words: "1 to 100".
export function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }) {
  const low = minimum ?? exclusiveMinimum;
  const high = maximum ?? exclusiveMaximum;
  const large = high === undefined || high > 1e8;
  if (low === undefined && large) return "";
  const above = exclusiveMinimum !== undefined ? `above ${low}` : `${low} or more`;
  if (large) return above;
  return low === undefined ? `up to ${high}` : `${exclusiveMinimum !== undefined ? "above " : ""}${low} to ${exclusiveMaximum !== undefined ? "below " : ""}${high}`;
}

// The models that a field with a discriminator can be, by name; null of another field.
export function variants(schema) {
  const mapping = schema.discriminator?.mapping;
  return mapping && Object.fromEntries(Object.entries(mapping).map(([name, $ref]) => [name, resolve({ $ref })]));
}
