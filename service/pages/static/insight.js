// The filters answer at once; without a script the button does the same.
const filters = document.getElementById("filters");

function go() {
  const query = new URLSearchParams(new FormData(filters));
  for (const [name, value] of [...query]) if (!value) query.delete(name);
  location.assign(`${filters.getAttribute("action")}?${query}`);
}

filters.addEventListener("change", (event) => { if (event.target.matches("select")) go(); });
filters.addEventListener("submit", (event) => { event.preventDefault(); go(); });
