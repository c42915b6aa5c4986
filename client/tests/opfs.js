// The origin private file system of the page, for tests/mesh.

export async function make_folder(name) {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(name, { create: true });
  await folder.getFileHandle("1", { create: true });
}

export async function folders() {
  const root = await navigator.storage.getDirectory();
  const names = [];
  for await (const name of root.keys()) names.push(name);
  return names;
}
