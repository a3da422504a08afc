//! What options go together.

use super::*;

#[test]
fn columns_have_names_of_their_own() {
    let list = |names: &str| {
        let names = names.split(',').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    for (by, sum, quantile, twice) in [
        ("hits", "", "v:1", Some("hits")),
        ("a,a", "", "v:1", Some("a")),
        ("", "a,b,a", "v:1", Some("sum_a")),
        ("sum_a", "a", "v:1", Some("sum_a")),
        ("", "", "v:0.5,0.5", Some("q0.5_v")),
        ("no_number_v", "", "v:1", Some("no_number_v")),
        ("a,a:hour,\\hits", "a,b", "a:0.5,1", None),
    ] {
        let options = GroupBy {
            by: list(by),
            sum: list(sum),
            quantiles: vec![quantile.into()],
            ..GroupBy::default()
        };
        let error = options.check().err();
        let named = twice.map(|name| format!("`{name}`"));
        match (&error, named) {
            (Some(error), Some(name)) => assert!(error.contains(&name), "{error}"),
            (None, None) => {}
            other => panic!("{by} {sum} {quantile}: {other:?}"),
        }
    }
}
