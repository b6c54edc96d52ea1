// A generator that attngan-run serve runs, behind the interface of attngan.js.

/** Asks the server what it runs; throws an Error in one line if it doesn't answer. */
export async function connect(base) {
  const about = await (await answer(new URL("api", base))).json();
  const parameters = about.parameters.map(name => OPTIONS[name] ?? name);
  return {
    ...about,
    parameters,
    async generate(asked) {
      const address = new URL("api/generate", base);
      for (const [name, value] of Object.entries(asked)) {
        address.searchParams.set(about.parameters[parameters.indexOf(name)] ?? name, value);
      }
      const response = await answer(address);
      return response.headers.get("content-type") === "image/png" ? picture(response) : response.json();
    },
  };
}

const OPTIONS = { top_k: "topK", top_p: "topP" };  // of parameters that attngan.js calls otherwise

async function answer(address) {
  const response = await fetch(address).catch(() => {
    throw new Error("the server doesn't answer; is attngan-run serve still running?");
  });
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new Error(said.error ?? `the server answers ${response.status}`);
}

async function picture(response) {
  const png = await response.blob(), bitmap = await createImageBitmap(png);
  const { width, height } = bitmap;
  return { width, height, bitmap, png, warnings: JSON.parse(response.headers.get("X-Warnings") ?? "[]") };
}
