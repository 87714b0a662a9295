import './style/base.css';
import './style/table.css';
import './style/detail.css';
import 'uplot/dist/uPlot.min.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './shell/App';
import { startTheme } from './shell/theme';
import { enterWithToken } from './shell/token';
import { Connection } from './store/connection';
import { SessionProvider } from './store/context';
import { streamAddress } from './store/rest';
import { Session } from './store/session';

startTheme();
const root = document.getElementById('root');
if (root) {
  const isKnown = await enterWithToken();
  const session = new Session(new Connection(streamAddress()), isKnown === false);
  session.start();
  createRoot(root).render(
    <StrictMode>
      <SessionProvider value={session}>
        <App />
      </SessionProvider>
    </StrictMode>,
  );
}
