"""Build, fine-tune, evaluate and calibrate models. Meets the service only in model directories."""
