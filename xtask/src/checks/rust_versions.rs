//! No dependency asks for a newer Rust than we promise to build with.

use super::metadata::{Metadata, Package};

pub(super) fn findings(metadata: &Metadata) -> Vec<String> {
    let Some(ours) = metadata.published().filter_map(rust_version).min() else {
        return vec!["no package of the workspace has a rust-version".to_owned()];
    };
    let newer = metadata
        .foreign()
        .filter(|package| rust_version(package) > Some(ours));
    newer.map(|package| told(package, ours)).collect()
}

fn told(package: &Package, (major, minor, _patch): (u32, u32, u32)) -> String {
    let Package {
        name,
        version,
        rust_version,
        ..
    } = package;
    let theirs = rust_version.as_deref().unwrap_or_default();
    format!("{name} {version} needs Rust {theirs}, but ours is {major}.{minor}")
}

/// `1.89` and `1.89.0` are the same.
fn rust_version(package: &Package) -> Option<(u32, u32, u32)> {
    let mut parts = package
        .rust_version
        .as_deref()?
        .split('.')
        .map(|part| part.parse().ok());
    Some((
        parts.next()??,
        parts.next().unwrap_or(Some(0))?,
        parts.next().unwrap_or(Some(0))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, source: Option<&str>, rust_version: Option<&str>) -> Package {
        let [source, rust_version] = [source, rust_version].map(|text| text.map(str::to_owned));
        Package {
            name: name.into(),
            source,
            rust_version,
            ..Package::default()
        }
    }

    #[test]
    fn only_a_newer_rust_is_found() {
        let packages = vec![
            package("ours", None, Some("1.89")),
            package("same", Some("registry"), Some("1.89.0")),
            package("old", Some("registry"), Some("1.9")),
            package("silent", Some("registry"), None),
            package("newer", Some("registry"), Some("1.90")),
        ];

        let found = findings(&Metadata { packages });

        assert_eq!(found, ["newer  needs Rust 1.90, but ours is 1.89"]);
    }
}
