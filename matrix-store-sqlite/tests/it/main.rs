//! The store from outside: the contract, and what only a file can do.

#![cfg(test)]

mod backup;
mod child;
mod conformance;
mod contents;
mod crash;
mod damage;
mod engine;
mod files;
mod full;
mod group;
mod marks;
mod open;
mod sample;
mod schema_3;
mod upgrade;
