//! A probe whose clock is wrong shows its data, with the offset named.

use super::lab::{Lab, demo};

#[test]
fn an_offset_is_known_within_its_uncertainty() {
    let lab = Lab::new();
    let hub = lab.hub(0, &[]);
    let demo = demo().display().to_string();
    let offsets = [("hours", 10_800_000_000_000_i64), ("millis", 5_000_000), ("micros", -40_000)];
    let _probes = offsets.map(|(name, offset)| lab.probe(&hub, name, &[&demo, "--stamp-offset", &offset.to_string()]));
    for (name, offset) in offsets {
        // the first measurements come one after the other; the best of them is kept
        let probe = hub.probe(name, |probe| {
            probe["clock"]["uncertainty_ns"].as_i64().is_some_and(|uncertainty| uncertainty < 5_000_000)
                && probe["frames"].as_u64() > Some(0)
        });
        let clock = &probe["clock"];
        let (shown, uncertainty) = (clock["offset_ns"].as_i64().unwrap(), clock["uncertainty_ns"].as_i64().unwrap());
        assert!((shown - offset).abs() <= uncertainty, "{name}: {clock}");
        // its data are shown at its own times
        let analysis = probe["analysis"].as_str().unwrap();
        let page =
            hub.until(&format!("analyses/{analysis}/flows?sort=first_seen&count=1"), |page| page["total_flows"] != 0);
        let first =
            page["flows"].as_object().unwrap().values().next().unwrap()["first_seen"].as_str().unwrap().to_owned();
        assert!(first.starts_with(if name == "hours" { "2026-03-02T12:00" } else { "2026-03-02T0" }), "{first}");
    }
    let page = hub.until("analyses/1/findings?code=probe.clock-offset", |page| page["total"] == 2);
    for (name, severity) in [("hours", "error"), ("millis", "warning")] {
        let finding = page["findings"].as_array().unwrap().iter().find(|finding| finding["probes"][0] == name).unwrap();
        assert_eq!(finding["severity"], severity, "{finding}");
        assert!(finding["text"].as_str().unwrap().contains("ahead of the hub's"), "{finding}");
    }
}
