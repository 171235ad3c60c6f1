//! The store from outside: the contract, and what only a folder can do.

#![cfg(test)]

mod child;
mod conformance;
mod copy;
mod crash;
mod damage;
mod engine;
mod files;
mod full;
mod group;
mod open;
mod sample;
