//! The store from outside: the contract, and what only a file can do.

#![cfg(test)]

mod child;
mod conformance;
mod crash;
mod engine;
mod files;
mod full;
mod group;
mod open;
mod sample;
