"""The operator portal: customers, payments, settlements, integration."""
