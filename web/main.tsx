import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';
import './styles/colours.css';
import './styles/page.css';
import './styles/controls.css';
import './styles/answer.css';
import './styles/rows.css';
import './styles/search.css';
import './styles/home.css';
import { Page } from './page.tsx';

const place = document.getElementById('page');
if (place === null) throw new Error('index.html has no #page');
createRoot(place).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
