import { createContext, useContext } from 'react';
import type { Session } from './session';

const Context = createContext<Session | undefined>(undefined);

export const SessionProvider = Context.Provider;

export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error('there is no session above this component');
  return session;
}
