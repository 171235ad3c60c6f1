//! The store from outside: the contract, and what only a file can do.

mod conformance;
