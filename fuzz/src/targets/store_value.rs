//! One value in a store's file that somebody else wrote: the first line is the table, the
//! column and the type (`text`, `blob` or `number`), the rest the value.

use std::fs;

use rusqlite::{Connection, types::Value};

use super::store;

pub(crate) fn run(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let line = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let bytes = parts.next().unwrap_or_default();
    let mut words = line.split(' ');
    let (Some(table), Some(column), Some(kind)) = (words.next(), words.next(), words.next()) else {
        return;
    };
    if ![table, column].into_iter().all(is_name) {
        return;
    }
    let value = match kind {
        "text" => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        "blob" => Value::Blob(bytes.to_vec()),
        "null" => Value::Null,
        _ => {
            let text = str::from_utf8(bytes).unwrap_or_default();
            Value::Integer(text.trim().parse().unwrap_or(i64::MIN))
        }
    };
    let (_folder, path) = store::place();
    fs::write(&path, store::file()).expect("a file can be written");
    if change(&path, table, column, &value).is_ok() {
        store::use_up(&path);
    }
}

fn change(
    path: &std::path::Path,
    table: &str,
    column: &str,
    value: &Value,
) -> rusqlite::Result<usize> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    // Unique columns take it once.
    let sql = format!("UPDATE OR IGNORE {table} SET {column} = ?1");
    connection.execute(&sql, [value])
}

fn is_name(word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    !word.is_empty() && word.len() < 32 && word.chars().all(is_part)
}
