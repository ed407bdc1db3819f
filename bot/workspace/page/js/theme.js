// Sets the chosen theme before anything is drawn. A classic script, since modules wait for the whole document.
try {
  const theme = localStorage.getItem("workspace:theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's preference decides.
}
