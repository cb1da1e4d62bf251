// A link within the dashboard opens its page as the menu does: without loading everything again.
window.holdfastOpensLinks ||= (document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-testid=stMain] a[href]");
  const isPlain = !(event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !isPlain || link.target || link.origin !== location.origin) return;
  if (link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  const {pathname, search, hash} = link;
  history.pushState({}, "", link.href);
  dispatchEvent(new PopStateEvent("popstate"));
  document.querySelector("[data-testid=stMain]").scrollTo(0, 0);
  const arriving = setInterval(() => {
    document.getElementById(hash.slice(1))?.scrollIntoView();
    keepFilter(pathname, new URLSearchParams(search));
  }, 300);
  const arrived = () => clearInterval(arriving);
  setTimeout(arrived, 3000);
  for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, arrived, {once: true});
}), true);

// While one page makes room for another, Streamlit drops from the address what the filter's fields
// are bound to, and not from the fields: the address is to be shared as it was asked for.
function keepFilter(pathname, wanted) {
  const address = new URL(location.href);
  const missing = [...new Set(wanted.keys())].filter((name) => !address.searchParams.has(name));
  if (location.pathname !== pathname || !missing.length) return;
  for (const name of missing) {
    for (const value of wanted.getAll(name)) address.searchParams.append(name, value);
  }
  history.replaceState(history.state, "", address);
}
