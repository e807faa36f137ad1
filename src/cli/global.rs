//! The options that every verb has.

use std::path::PathBuf;

use clap::builder::{FalseyValueParser, PossibleValue};
use clap::{ArgAction, Args, ValueEnum};

/// The options that every verb has.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct GlobalArgs {
    /// The configuration file; without one, the defaults and the `WARREN_*` variables
    #[arg(long, global = true, value_name = "FILE", env = "WARREN_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
    /// The proxy's admin socket, instead of the configuration's
    #[arg(long, global = true, value_name = "SOCKET", env = "WARREN_ADDR", hide_env_values = true)]
    pub(super) addr: Option<PathBuf>,
    /// How answers are shown
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT", env = "WARREN_OUTPUT", hide_env_values = true)]
    pub(super) output: Format,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", env = "WARREN_COLOR", hide_env_values = true)]
    pub(super) color: When,
    /// Log more; twice: still more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(super) verbose: u8,
    /// Log errors only
    #[arg(short, long, global = true, value_parser = FalseyValueParser::new(), env = "WARREN_QUIET", hide_env_values = true)]
    pub(super) quiet: bool,
    /// Print help; `-h` in short
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
}

/// How answers are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// Aligned columns, more of them
    Wide,
    /// One object
    Json,
    /// One object per line and row
    Jsonl,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum When {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

// By hand, without a text for each value: with one `--help` would take a screen for these options under each verb.
impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Table, Self::Wide, Self::Json, Self::Jsonl]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Table => "table",
            Self::Wide => "wide",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
        }))
    }
}

impl ValueEnum for When {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Always, Self::Never]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }))
    }
}
