// Before the first paint: the remembered choice of light or dark, so that nothing flashes.
try {
  var t = localStorage.getItem("faultmaven.theme");
  if (t === "light" || t === "dark") document.documentElement.dataset.theme = t;
} catch (e) { /* storage is off: as the system wishes */ }
