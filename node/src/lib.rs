//! Carnet: the node of one customs administration. Keeps, shares and proves evidence about goods.

pub mod store;
