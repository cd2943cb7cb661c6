#!/bin/sh
echo thumbnail
