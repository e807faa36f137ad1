//! What is wrong with a configuration, and where.

use std::fmt;

/// Everything that is wrong with a configuration, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What, as a lower-case fragment.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What to write instead, when that can be guessed.
    pub hint: Option<String>,
}

/// Where a wrong value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a line of a file.
    Line {
        /// The file's path.
        path: String,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// How many characters of the line are meant, at least 1.
        width: usize,
        /// The line itself.
        text: String,
    },
    /// In a variable.
    Variable(String),
    /// In a flag.
    Flag(&'static str),
    /// In the configuration as a whole.
    Whole,
    /// In the file, which cannot be read.
    File,
}

impl ConfigErrors {
    /// The errors, if there are any.
    pub(super) fn unless_empty(mut errors: Vec<ConfigError>) -> Result<(), Self> {
        errors.sort_by_key(|error| error.place.line_number().unwrap_or(usize::MAX));
        if errors.is_empty() { Ok(()) } else { Err(Self { errors }) }
    }

    /// Whether nothing of the file could be read.
    pub fn is_unread(&self) -> bool {
        self.errors.iter().any(|error| error.place == Place::File)
    }

    /// Whether nothing is wrong but what the command line says.
    pub fn is_of_flags(&self) -> bool {
        self.errors.iter().all(|error| matches!(error.place, Place::Flag(_)))
    }

    /// Each error.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.errors.iter()
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self { errors: vec![error] }
    }
}

impl Place {
    /// The line of the file, counted from 1, where it stands in one.
    pub fn line_number(&self) -> Option<usize> {
        match self {
            Self::Line { line, .. } => Some(*line),
            Self::Variable(_) | Self::Flag(_) | Self::Whole | Self::File => None,
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.errors.iter().enumerate() {
            let gap = if number == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}{}", self.message, self.place)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Place {
    /// Shows the place as what follows the message, beginning with a line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line, column, width, text } => {
                let gutter = " ".repeat(line.to_string().len());
                let (indent, marks) = (" ".repeat(column - 1), "^".repeat(*width));
                write!(f, "\n  --> {path}:{line}:{column}\n{gutter} |\n{line} | {text}\n{gutter} | {indent}{marks}")
            }
            Self::Variable(name) => write!(f, "\n  --> variable `{name}`"),
            Self::Flag(name) => write!(f, "\n  --> flag `{name}`"),
            Self::Whole | Self::File => Ok(()),
        }
    }
}
