// Stands in for react-style-singleton, with which dialogs write <style> elements into the page to stop it from
// scrolling behind them. This page never scrolls, and a policy of style-src 'self' refuses such elements.
export const styleSingleton = () => () => null;
