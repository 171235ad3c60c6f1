//! License expressions: `MIT OR (Apache-2.0 AND BSD-3-Clause)`.

/// Whether somebody who accepts only the `accepted` licenses may use what is licensed so.
///
/// An expression that makes no sense is not acceptable.
pub(super) fn is_acceptable(expression: &str, accepted: &dyn Fn(&str) -> bool) -> bool {
    // Cargo's old way to write "or".
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut reader = Reader {
        words: spaced.split_whitespace().peekable(),
        accepted,
    };
    let verdict = reader.any();
    verdict == Some(true) && reader.words.next().is_none()
}

struct Reader<'a, W: Iterator<Item = &'a str>> {
    words: std::iter::Peekable<W>,
    accepted: &'a dyn Fn(&str) -> bool,
}

/// Each returns `None` where the expression makes no sense.
impl<'a, W: Iterator<Item = &'a str>> Reader<'a, W> {
    fn any(&mut self) -> Option<bool> {
        let mut verdict = self.all()?;
        while self.words.next_if_eq(&"OR").is_some() {
            verdict |= self.all()?;
        }
        Some(verdict)
    }

    fn all(&mut self) -> Option<bool> {
        let mut verdict = self.one()?;
        while self.words.next_if_eq(&"AND").is_some() {
            verdict &= self.one()?;
        }
        Some(verdict)
    }

    fn one(&mut self) -> Option<bool> {
        let word = self.words.next()?;
        if word == "(" {
            let verdict = self.any()?;
            return self.words.next_if_eq(&")").map(|_| verdict);
        }
        if matches!(word, ")" | "AND" | "OR" | "WITH") {
            return None;
        }
        if self.words.next_if_eq(&"WITH").is_none() {
            return Some((self.accepted)(word));
        }
        let exception = self.words.next()?;
        Some((self.accepted)(&format!("{word} WITH {exception}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acceptable(expression: &str) -> bool {
        is_acceptable(expression, &|license| {
            matches!(license, "MIT" | "ISC" | "Apache-2.0 WITH LLVM-exception")
        })
    }

    #[test]
    fn one_acceptable_choice_is_enough_and_all_conditions_must_be() {
        let fine = [
            "MIT",
            "GPL-3.0 OR MIT",
            "GPL-3.0/MIT",
            "MIT AND ISC",
            "(MIT OR GPL-3.0) AND ISC",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-3.0 AND GPL-2.0 OR MIT",
        ];

        assert!(fine.iter().all(|expression| acceptable(expression)));
    }

    #[test]
    fn what_is_not_accepted_or_makes_no_sense_is_refused() {
        let bad = [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "Apache-2.0",
            "MIT WITH LLVM-exception",
            "",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT ISC",
            "OR",
        ];

        assert!(bad.iter().all(|expression| !acceptable(expression)));
    }
}
