"""The programs that Postroom is measured beside, each set up as fairly as its documentation allows."""
