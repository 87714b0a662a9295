//! The filter language of StreamLens: one language for the command, the terminal, the web page, exports and the library, over
//! the rows and columns of `streamlens-model`.
//!
//! A filter is asked of a row of the hierarchy. The row knows the fields of its own level and of those above; where rows below
//! know more, the answer is undecided, and they are asked in turn. So a flow is shown when it matches or a row below it does.
//!
//! ```
//! use streamlens_filter::{Catalogue, Filter};
//! let catalogue = Catalogue::new().encoding("IENA", None);
//! let filter = Filter::parse("encoding == IENA and lost > 0", &catalogue)?;
//! assert_eq!(filter.to_string(), "encoding == IENA and lost > 0");
//! let wrong = Filter::parse("jiter > 5ms", &catalogue).unwrap_err();
//! assert_eq!((wrong.place(), wrong.message()), (0..5, "there is no field 'jiter'; did you mean jitter?"));
//! # Ok::<(), streamlens_filter::FilterError>(())
//! ```

mod ast;
mod catalogue;
mod check;
mod complete;
mod error;
mod eval;
mod field;
mod filter;
mod instant;
mod parse;
mod program;
mod token;

pub use catalogue::Catalogue;
pub use complete::{Completion, complete};
pub use error::FilterError;
pub use eval::Truth;
pub use filter::Filter;
pub use instant::parse as instant;
