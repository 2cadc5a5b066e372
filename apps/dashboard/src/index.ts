export { dashboardRole } from './dashboard-role.ts';
