export { Tiering, type TieringParts, type TieringSettings, tieringDefaults } from './tiering.ts';
