// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Patterns of texts: `*` stands for any characters, `?` for one. It imports nothing of the crate.

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Vec<char>);

impl Glob {
    pub(super) fn new(text: &str) -> Glob {
        Glob(text.chars().collect())
    }

    /// Whether a text fits.
    pub(super) fn fits(&self, text: &str) -> bool {
        let text: smallvec::SmallVec<[char; 64]> = text.chars().collect();
        fits(&self.0, &text, |pattern, letter| pattern == '?' || pattern == letter)
    }

    /// Whether every text that fits `other` fits this. It may say no where it is so: what it takes for
    /// wider is wider.
    pub(super) fn covers(&self, other: &Glob) -> bool {
        // The other's `*` stands for texts of every length: only a `*` here stands for all of them.
        fits(&self.0, &other.0, |pattern, letter| {
            pattern == letter || (pattern == '?' && letter != '*')
        })
    }
}

/// Linear in the text for each `*`: after a mismatch only the last `*` takes one more letter.
fn fits(pattern: &[char], text: &[char], same: impl Fn(char, char) -> bool) -> bool {
    let (mut at, mut next) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(next) {
        match pattern.get(at) {
            Some('*') => {
                back = Some((at, next));
                at += 1;
            }
            Some(here) if same(*here, *letter) => {
                at += 1;
                next += 1;
            }
            _ => match back {
                Some((star, taken)) => {
                    back = Some((star, taken + 1));
                    at = star + 1;
                    next = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn fits() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("web-*", "web-", true),
            ("web-*", "web-1", true),
            ("web-*", "web", false),
            ("*-1", "a-1-1", true),
            ("*-1", "a-1-2", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("schl?ssel", "schlüssel", true),
            ("**", "x", true),
        ] {
            assert_eq!(Glob::new(pattern).fits(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn covers() {
        for (wide, narrow, expected) in [
            ("*", "a?*", true),
            ("web-*", "web-1*", true),
            ("web-*", "web*", false),
            ("a?", "a?", true),
            ("a?", "a*", false),
            ("a*", "a?", true),
            ("a", "a", true),
            ("?", "*", false),
            ("*a*", "*a", true),
        ] {
            assert_eq!(Glob::new(wide).covers(&Glob::new(narrow)), expected, "{wide} {narrow}");
        }
    }
}
