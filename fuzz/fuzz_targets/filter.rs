//! Fuzz target: any text, for the filter language. The text is a filter, or an error whose place lies within the text; a filter
//! that is printed and read again is the same, and evaluates on any row.
#![no_main]

use streamlens_filter::{Catalogue, Filter, complete};
use streamlens_model::row::{RowContext, rows};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let catalogue = Catalogue::new().encoding("RTP", None).encoding("AES67", Some("RTP")).named("mine", "lost > 0");
    match Filter::parse(text, &catalogue) {
        Ok(filter) => {
            assert_eq!(Filter::parse(&filter.to_string(), &catalogue).as_ref(), Ok(&filter));
            let flow = streamlens_model::Flow {
                transport_protocols: vec![streamlens_model::TransportProtocol {
                    application_encodings: vec![streamlens_model::ApplicationEncoding::default()],
                    ..Default::default()
                }],
                ..Default::default()
            };
            rows(&flow, RowContext::default()).for_each(|row| {
                std::hint::black_box(filter.matches(&row));
            });
        }
        Err(error) => assert!(text.get(error.place()).is_some()),
    }
    let completion = complete(text, text.len() / 2, &catalogue);
    assert!(text.get(completion.place).is_some());
});
